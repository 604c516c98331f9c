"""A page to try prompts on: what a teacher finds for each, and what other thresholds would change.

The page and its server are Python's own and a script of a page; nothing comes from outside.
"""
