//! A fake of the video generation API.
