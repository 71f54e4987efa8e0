/** Options that several commands share. */
import { Option } from 'commander';

export const languageOption = () =>
  new Option('--lang <language>', 'language of reports').choices(['zh', 'en']);

export const formatOption = () =>
  new Option('--format <format>', 'form of the report').choices(['json', 'md', 'html', 'text']);
