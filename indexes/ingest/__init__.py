"""From source files to stored chunks: loaders, chunking and synchronisation."""
