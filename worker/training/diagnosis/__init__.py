"""Watching a run for what textbooks warn of: gradients that vanish or explode, dead units, overfitting.

    figures   what a look takes down: losses and norms since the last one, layers, units, answers
    rules     from figures to evidence, one function a rule
    remedies  from a rule to a change of the spec that can be forked with
    examiner  looks at the end of up to 24 epochs and tells what is found

Adding a rule: a field of `models/spec/diagnosis.py`, a function in `rules`, an entry there, a remedy, a test.
"""
