"""Publishes the files that an S3 event names: website objects become equal to the source. Knows nothing of SSM."""
