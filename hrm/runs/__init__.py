"""Run folders: what stands in one, starting a run, going on with it, what a person sees."""
