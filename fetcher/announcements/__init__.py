"""What AWS announced, from its RSS feed: a function of its own, which writes one file to the source bucket."""
