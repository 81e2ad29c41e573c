"""Values that an answer issues and a later request carries: found in a capture, written as rules, bound in a plan."""
