"""What charts share: log axes, legends, labels, and how a chart becomes SVG, PNG or PDF offline."""
