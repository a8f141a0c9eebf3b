"""Data sets in the layout of the published HRM and TRM: read, and written."""
