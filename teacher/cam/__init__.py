"""Class activation maps: networks that saw labels of whole images only say where in them.

`train_classifier.py` lets a network learn which images show what is looked for; the teacher `cam`
makes maps of its evidence, a label set a network.
"""
