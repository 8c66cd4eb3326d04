"""What came and went between runs, as a log and as a feed."""
