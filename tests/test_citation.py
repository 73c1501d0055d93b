"""CITATION.cff is what GitHub, Zenodo and Zotero read: the fields of version 1.2.0, and of this version of ours."""

from pathlib import Path

import yaml

import guitarclf

ROOT = Path(guitarclf.__file__).parent.parent
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
REQUIRED = {"cff-version", "message", "title", "authors"}
ALLOWED = (
    REQUIRED
    | {"abstract", "type", "version", "license", "keywords", "date-released", "doi", "url"}
    | {
        "repository-code",
        "identifiers",
        "preferred-citation",
    }
)


def test_it_has_the_fields_that_the_format_wants():
    assert CITATION.keys() >= REQUIRED
    assert CITATION.keys() <= ALLOWED
    assert (CITATION["cff-version"], CITATION["type"]) == ("1.2.0", "software")
    assert all(isinstance(CITATION[name], str) for name in CITATION.keys() - {"authors", "keywords"})
    assert all(author.keys() == {"name"} for author in CITATION["authors"])  # an entity; persons have family-names
    assert len(set(CITATION["keywords"])) == len(CITATION["keywords"])


def test_it_names_this_version_and_its_licence():
    assert CITATION["version"] == guitarclf.__version__
    assert (ROOT / "LICENSE").read_text(encoding="utf-8").startswith(f"{CITATION['license']} License")
    assert CITATION["authors"][0]["name"].removeprefix("The ") in (ROOT / "LICENSE").read_text(encoding="utf-8")
