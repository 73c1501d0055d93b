"""Folders that commands write into: what lies where, who may write, what a killed command goes on with."""
