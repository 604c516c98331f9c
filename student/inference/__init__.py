"""Label sets that students write, and pictures of them."""
