// The build puts this module first, so its import is evaluated before all others.
import './node-version.ts'
