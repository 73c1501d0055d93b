"""
Is a probability of 0.8 right eight times in ten?
=================================================

A reliability diagram draws how often notes were of a class against how probable it was said to be. On the
dotted line, the model means what it says. Below it, it is too sure.
"""

from guitarclf import OnnxModel, evaluate
from guitarclf.data.synth import render_notes
from guitarclf.evaluation.figures import reliability_diagram

model = OnnxModel("pretrained")
waveforms, notes = render_notes(600, n_guitars=60, seed=100, sample_rate=model.reader.sample_rate)
under_its_priors = model.predict_proba(list(waveforms))

# %%
# The model that ships expects 5 % harmonics and 23 % dead notes. These notes are 28, 22 and 50 %: under shares
# that are wrong its harmonics are said to be rarer than they are, and the first curve lies above the line.

figure = reliability_diagram(notes["label_category"], under_its_priors)

# %%
# Told the shares that are played, by Bayes' rule and without training again:

model.priors = notes["label_category"].value_counts(normalize=True).to_dict()
told = model.predict_proba(list(waveforms))
figure_told = reliability_diagram(notes["label_category"], told)

# %%
# The class-wise expected calibration error in numbers, and what the shares do to macro-F1:

for name, proba in [("its own shares", under_its_priors), ("told the shares", told)]:
    report = evaluate(notes["label_category"], proba)
    print(f"{name:16} calibration error {report.calibration_error:.3f}   macro-F1 {report.macro_f1:.3f}")
