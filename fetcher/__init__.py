"""On a schedule, reads facts from SSM and writes documents to the source bucket. Knows nothing of the website."""
