"""Networks: one segment of thought each; their layers, kernels, files and costs."""
