/** Words of letters, digits, dots, dashes and underscores between single slashes; none begins with a dot. */
const safe = /^(?!.*(^|\/)\.)[\w.-]+(\/[\w.-]+)*$/

/** Whether a path stays below the folder that it is relative to, on every file system, whatever lies there. */
export const isSafePath = (path: string): boolean => path.length <= 200 && safe.test(path)

/** Whether a path is made to lead out of its folder, or to hide what it is: absolute, upwards, with control characters. */
export const leadsOutside = (path: string): boolean =>
  /^[/\\]|^[A-Za-z]:|\p{Cc}/u.test(path) || path.split(/[/\\]/).includes('..')
