"""What operations see: dashboards and alerts as code, the collector's pipeline, and traces of what just happened."""
