"""What runs inside Locust, and the engine process that each Locust worker drives."""
