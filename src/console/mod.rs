//! Floor 5, what is shown: sign-in, and the pages under `/_waylight/`.
