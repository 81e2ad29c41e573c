"""The walkers: one for each form that data takes. A walker parses, maps every leaf and builds anew."""
