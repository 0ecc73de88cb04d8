"""What the field sends: inputs as other systems and people make them, each with its right value."""
