"""The phrases customers use, one YAML file a language; read by `rules.py`."""
