"""From raw traffic in memory to a policy that a person reviews."""
