"""
Three ways to play one note
===========================

A first look.
"""

from guitarclf import LABELS

print(LABELS)
