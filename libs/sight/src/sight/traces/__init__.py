"""Traces of what just happened, on one machine: takes OTLP, keeps what is recent, answers as Tempo does.

In production the gateway is given the address of a real Tempo instead (`MARQUE_TRACES_URL`), and this process does not exist.
"""
