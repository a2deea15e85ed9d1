//! Steps -> Dockerfile.
