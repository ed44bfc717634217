//! callsheet: manifest-driven bulk creation of talking-head videos.
