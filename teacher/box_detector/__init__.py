"""Detectors of things that have names of their own: images in, boxes with classes out.

Each backend says all that it finds (`Candidates`); what is kept of that is decided in one place
(`choosing`), for all of them alike.
"""
