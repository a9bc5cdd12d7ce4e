"""Image references and the pod specs that hold them: strings and dictionaries in, the same out. No I/O."""
