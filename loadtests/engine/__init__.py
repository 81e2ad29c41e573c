"""The data plane: sends a plan's requests at their time and leaves a sample of each.

A child process of a Locust worker (``python -m loadtests.engine``), joined to it by pipes. It knows neither locust
nor gevent: uvloop, httptools and absolute deadlines.
"""
