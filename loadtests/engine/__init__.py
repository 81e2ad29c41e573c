"""The data plane: sends a plan's requests at absolute deadlines and records every one. No locust, no gevent."""
