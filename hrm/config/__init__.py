"""What a run is: the settings, their defaults and limits, presets, and how they are read."""
