"""Loss on each data set as floor and reducible part."""
