"""S3 event in, the website brought to the source's present state. Knows nothing of SSM."""
