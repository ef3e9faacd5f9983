// Package chart draws lines over two logarithmic axes, as an SVG that reads well on light and on dark pages.
//
// It is small instead of a library: gonum.org/v1/plot brings eight more modules, and one set of colours to a picture.
//
// # Concurrency
//
// All functions are pure.
package chart
