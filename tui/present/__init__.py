"""From values to words, signs and tones. Pure: no widget, no clock, no connection."""
