"""Schedule in, facts from SSM, documents in the source bucket out. Knows nothing of the website."""
