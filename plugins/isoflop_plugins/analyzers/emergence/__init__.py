"""Which abilities appear with scale, where, and whether the metric makes the step."""
