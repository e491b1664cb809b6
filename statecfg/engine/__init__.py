"""Plans, applies and watches. Knows kinds only by their contract; never imports clients."""
