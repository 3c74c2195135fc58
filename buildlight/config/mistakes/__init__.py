"""What is wrong with a file, as a person can find it: text, places, quotation, sentences."""
