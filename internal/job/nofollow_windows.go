package job

const noFollow = 0
