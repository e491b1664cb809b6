"""Values in, words out: text, JSON, JUnit. Pure; contacts and reads nothing."""
