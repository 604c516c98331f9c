"""How a classifier learns: labelled images, crops, and the threshold that tells images apart."""
