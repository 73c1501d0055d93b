"""scikit-learn transformers: events -> the array a net eats."""
