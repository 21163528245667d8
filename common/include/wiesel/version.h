/*
 * version - what job libraries are checked against before anything of them runs.
 */
#pragma once

#define WSL_VERSION "0.1.0"

/* Grows with every incompatible change of a public struct. A job library exports its own as `wiesel_abi_version`. */
#define WSL_ABI_VERSION 5u
