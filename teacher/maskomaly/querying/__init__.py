"""What the queries of a network show, and which of them see anomalies."""
