"""Whether runs are still as good as they were: a verdict that CI can act on."""
