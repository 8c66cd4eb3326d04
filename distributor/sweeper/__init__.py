"""Both buckets in, what has drifted between them published again."""
