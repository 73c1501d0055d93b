"""Annotations as IDMT-SMT-GUITAR has them, written for a test."""

FENDER = "dataset1/Fender Strat Clean Neck SC"


IBANEZ = "dataset1/Ibanez Power Strat Clean {}"


NOTE = "G53-45201-1111-00001"


def event_xml(onset=0.1, offset=0.6, style="NO", *, pitch=45, **more) -> str:
    """Return one event as the data set writes it; None leaves an element out."""
    cells = {"onsetSec": onset, "pitch": pitch, "offsetSec": offset, "excitationStyle": "PK", "expressionStyle": style}
    cells |= {"fretNumber": 3, "stringNumber": 2, "modulationFrequency": 0} | more
    inner = "".join(f"<{tag}>{value}</{tag}>" for tag, value in cells.items() if value is not None)
    return f"<event>{inner}</event>"


def annotation_xml(*events: str, names="x.wav") -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<instrumentRecording><globalParameter>'
        f"<audioFileName>\\{names}</audioFileName><instrument>EGUI</instrument></globalParameter>"
        f"<transcription>{''.join(events)}</transcription></instrumentRecording> "
    )


def write_idmt_tree(recorded):
    """Write three subsets with the names of the original; the same stem in several guitar folders and subsets."""
    folders = [FENDER, *(IBANEZ.format(pickup) for pickup in ("Bridge HU", "Bridge+Neck SC", "Neck HU"))]
    for folder in folders:
        recorded(folder, NOTE, event_xml())
    recorded(IBANEZ.format("Bridge HU Chords"), "1-E1-Major 00", event_xml(), event_xml(0.11, 0.7, pitch=52))
    recorded("dataset2", "AR_NH_XII", event_xml(0.1, 1.5, "HA"), event_xml(1.0, 1.9, "HA"))
    recorded("dataset2", "FS_DN_III_VIII_XIV", event_xml(0.2, 0.35, "DN"))
    recorded("dataset2", "LP_Lick3_FBSDN", event_xml(0.0, 0.4, "BE"), event_xml(0.5, 0.6, "DN"), event_xml(0.7, 1.1))
    recorded("dataset3", "pathetique_poly", event_xml())
    recorded("dataset3", NOTE, event_xml())
