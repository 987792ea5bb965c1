// Package report tests the HTML report with what its readers have: the sums are those of
// jq and DuckDB, Chromium and Firefox show the page without a line on their console and
// without a request, and a month of events needs little time and memory.
package report
