"""The shared language: what is said between authorities, and the rules that it keeps."""
